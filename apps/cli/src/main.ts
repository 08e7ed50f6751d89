console.log("roentgen");
