import { CommanderError } from "commander";
import { describe, expect, it } from "vitest";
import { bytes, createProgram, share } from "./program.ts";

/** Runs a command line that ends before any command does its work; gives what was printed and commander's status. */
async function complaint(...args: string[]): Promise<{ text: string; exitCode: number }> {
  let text = "";
  const program = createProgram();
  for (const command of [program, ...program.commands]) command.configureOutput({ writeOut: (t) => (text += t), writeErr: (t) => (text += t), getOutHelpWidth: () => 100, getErrHelpWidth: () => 100 });
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { text, exitCode: error.exitCode };
  }
  throw new Error("the command ran");
}

describe("the command line", () => {
  it("explains itself", async () => {
    expect(await complaint("--help")).toMatchInlineSnapshot(`
      {
        "exitCode": 0,
        "text": "Usage: roentgen [options] [command]

      A from-scratch WebGPU training engine, and studies of transfer learning on it.

      Options:
        -V, --version                         print the version
        -h, --help                            print this help

      Commands:
        run [options] <study>                 run a study and write its report; a second run goes on where
                                              the first stopped
        predict [options] <model> <image...>  apply a model that a study kept to images of yours
        doctor [options]                      show the GPU, its driver and what is missing
        summary [options] <model>             list a model's layers, shapes, parameters and multiply-adds;
                                              needs no GPU
        profile [options] <model>             time every dispatch of a model's forward pass or training
                                              step, and judge it against what the device can do
        tune [options] <model>                measure which kernels are fastest for a model on this
                                              device, and keep that for profile and new studies
        bench [options] [what...]             time kernels, training steps, memory and start-up beside
                                              other engines; in a checkout of the repository
        convert [options] <file>              convert a weight file of any kind to safetensors with
                                              torchvision's names
        inspect [options] <file>              list what a weight file of any kind holds, without reading a
                                              tensor
        models [options]                      list the study's models: where they were released, licence,
                                              accuracy, what is on this machine
        fetch [options] <model>               download a model's released file, going on where an earlier
                                              try stopped
        help [command]                        print a command's help

      Exit status: 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted.
      ROENTGEN_DEBUG=1 adds the stack to error messages.
      ",
      }
    `);
  });

  it("explains run", async () => {
    expect((await complaint("run", "--help")).text).toMatchInlineSnapshot(`
      "Usage: roentgen run [options] <study>

      run a study and write its report; a second run goes on where the first stopped

      Arguments:
        study             the study, a YAML file (docs/studies.md)

      Options:
        --out <folder>    where results go (default: runs/<name of the study>)
        --trials <n>      trials of each cell, instead of the study's
        --tasks <names>   only these tasks, separated by commas
        --inits <names>   only these initialisations, separated by commas
        --json            print the cells and comparisons as JSON on standard output
        --quiet           no progress, only the result
        --replace         train again what finished there with other settings, data or weights
        --adapter <name>  use the adapter whose name contains this
        --native          leave out Dawn's checks and clearing: faster, same bits
        --tune            measure first which kernels are fastest for this study, as far as that is not
                          known
        --memory <bytes>  most GPU memory to hold, such as 4GB
        --offline         fetch no weights; use those already kept
        -h, --help        print this help

      Examples:
        roentgen run studies/demo.yaml
        roentgen run studies/demo.yaml --tasks brain --trials 1 --out look
        roentgen run studies/demo.yaml --inits random --offline --json > result.json

      Ctrl-C once ends the step under way and saves; the same command goes on from there. Twice leaves at once.
      "
    `);
  });

  it("explains predict", async () => {
    expect((await complaint("predict", "--help")).text).toMatchInlineSnapshot(`
      "Usage: roentgen predict [options] <model> <image...>

      apply a model that a study kept to images of yours

      Arguments:
        model             a file of the folder models of a study's results, or one saved in the page
        image             PNGs, and folders of them (docs/predict.md)

      Options:
        --out <folder>    where masks go, under the images' names; for models that draw masks
        --csv <file>      write a table of probabilities, or of marked shares; - for standard output
        --json <file>     write everything as JSON; - for standard output
        --batch <n>       images at a time (default: as when the model was tested)
        --replace         overwrite results that are there already
        --adapter <name>  use the adapter whose name contains this
        --native          leave out Dawn's checks and clearing: faster, same bits
        -h, --help        print this help

      Examples:
        roentgen predict runs/demo/models/plane-imagenet-0.safetensors scans
        roentgen predict runs/demo/models/plane-imagenet-0.safetensors a.png b.png --csv - > planes.csv
        roentgen predict runs/demo/models/brain-imagenet-0.safetensors scans --out masks --json masks.json

      Of a folder every *.png below it is taken, in order of their names. An image that cannot be read is named and left out, and the
      exit status is 1 then. Masks are grey PNGs of 0 and 255 in the size of their image.
      "
    `);
  });

  it("explains doctor", async () => {
    expect((await complaint("doctor", "--help")).text).toMatchInlineSnapshot(`
      "Usage: roentgen doctor [options]

      show the GPU, its driver and what is missing

      Options:
        --json            print everything found as JSON
        --adapter <name>  use the adapter whose name contains this
        --native          leave out Dawn's checks and clearing: faster, same bits
        -h, --help        print this help

      Examples:
        roentgen doctor
        roentgen doctor --json

      Exit status 1 if there is no adapter, or one that fails.
      "
    `);
  });

  it("explains summary", async () => {
    expect((await complaint("summary", "--help")).text).toMatchInlineSnapshot(`
      "Usage: roentgen summary [options] <model>

      list a model's layers, shapes, parameters and multiply-adds; needs no GPU

      Arguments:
        model             resnet18 to resnet152, unet-resnet18 to unet-resnet152

      Options:
        --input <pixels>  height and width of the input (default: 224)
        --batch <n>       images at a time (default: 1)
        --json            print the table as JSON
        -h, --help        print this help

      Examples:
        roentgen summary resnet50 --input 224
        roentgen summary unet-resnet18 --input 64 --batch 8 --json
      "
    `);
  });

  it("explains profile", async () => {
    expect((await complaint("profile", "--help")).text).toMatchInlineSnapshot(`
      "Usage: roentgen profile [options] <model>

      time every dispatch of a model's forward pass or training step, and judge it against what the device
      can do

      Arguments:
        model                       resnet18 to resnet152, unet-resnet18 to unet-resnet152

      Options:
        --train                     a training step with Adam instead of the forward pass
        --batch <n>                 images at a time (default: 4)
        --size <pixels>             height and width of the input (default: 64)
        --precision <precision>     mixed stores images and filters in f16 (choices: "f32", "mixed",
                                    default: "f32")
        --repeats <n>               runs to take the median of (default: 5)
        --top <n>                   dispatches and layers to list (default: 20)
        --json                      print the whole profile as JSON; --compare reads it
        --html <file>               also write a page: roofline, flame graph, memory, tables
        --trace <file>              also write a Chrome trace, for Perfetto or chrome://tracing
        --compare <file>            show what changed since an earlier --json
        --fail-if-slower <percent>  exit 1 if the dispatches, a plain run or a layer of weight got slower
                                    by more than this and than noise
        --adapter <name>            use the adapter whose name contains this
        --native                    leave out Dawn's checks and clearing: faster, same bits
        -h, --help                  print this help

      Examples:
        roentgen profile resnet50 --train --batch 32 --size 224 --html profile.html
        roentgen profile unet-resnet50 --size 128 --trace trace.json
        roentgen profile resnet50 --train --precision mixed
        roentgen profile resnet18 --train --json > before.json
        roentgen profile resnet18 --train --compare before.json --fail-if-slower 10%

      Each dispatch's roof is the slowest of three: its operations at the device's measured arithmetic, its bytes at the best measured
      copy of as many or more, an empty dispatch; the nearest roof is that one, however far.
      Timed runs are runs of their own; a plain run is timed beside them.
      "
    `);
  });

  it.each([
    ["an unknown command", ["sumary", "resnet50"], "Did you mean summary?"],
    ["an unknown option", ["summary", "resnet50", "--inptu", "64"], "Did you mean --input?"],
    ["a missing study", ["run"], "missing required argument 'study'"],
    ["a model without images", ["predict", "m.safetensors"], "missing required argument 'image'"],
    ["a size that is no number", ["summary", "resnet50", "--input", "big"], "Expected a positive integer."],
    ["a batch of nothing", ["profile", "resnet50", "--batch", "0"], "Expected a positive integer."],
    ["a limit that is no percentage", ["profile", "resnet50", "--fail-if-slower", "a bit"], "Expected a percentage, such as 10%."],
    ["an empty list", ["run", "a.yaml", "--tasks", ","], "Expected names separated by commas."],
    ["memory without bytes", ["run", "a.yaml", "--memory", "lots"], "Expected bytes, such as 500MB or 4GiB."],
    ["no time to sample", ["tune", "resnet50", "--seconds", "0"], "Expected seconds, such as 0.5."],
    ["a budget of nobody knows what", ["run", "a.yaml", "--budget", "4GB"], "unknown option '--budget'"],
  ])("refuses %s and says what it expected", async (_, args, expected) => {
    const { text, exitCode } = await complaint(...args);
    expect(text).toContain(expected);
    expect(text).toContain("(--help tells more)");
    expect(exitCode).toBe(1);
  });

  it.each([
    ["500000000", 500_000_000],
    ["500MB", 500_000_000],
    ["1.5GiB", 1_610_612_736],
    ["64 kib", 65_536],
  ])("reads %s as %d bytes", (text, value) => {
    expect(bytes(text)).toBe(value);
  });

  it.each([["10%", 0.1], ["2.5 %", 0.025], ["0", 0]])("reads %s as a share of %d", (text, value) => {
    expect(share(text)).toBe(value);
  });
});
