// The command line's face: commands, arguments, help. Commands import what they need when they run, so that help is quick and
// `doctor` can speak where the engine cannot even be loaded.

import { parseBytes } from "@roentgen/core";
import { Command, InvalidArgumentError, Option } from "commander";
import manifest from "../package.json" with { type: "json" };

export const version: string = manifest.version;

/** The whole command line. Throws CommanderError instead of leaving the process. */
export function createProgram(): Command {
  const program = new Command("roentgen")
    .description("A from-scratch WebGPU training engine, and studies of transfer learning on it.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print a command's help")
    .showHelpAfterError("(--help tells more)")
    .exitOverride();
  addRun(program);
  addPredict(program);
  addDoctor(program);
  addSummary(program);
  addProfile(program);
  addTune(program);
  addBench(program);
  addConvert(program);
  addInspect(program);
  addModels(program);
  addFetch(program);
  program.addHelpText("after", `
Exit status: 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted.
ROENTGEN_DEBUG=1 adds the stack to error messages.`);
  // A subcommand made before exitOverride() inherits nothing of it.
  for (const command of program.commands) command.exitOverride().showHelpAfterError("(--help tells more)");
  return program;
}

const adapter = (): Option => new Option("--adapter <name>", "use the adapter whose name contains this");
const native = (): Option => new Option("--native", "leave out Dawn's checks and clearing: faster, same bits");
const precision = (): Option => new Option("--precision <precision>", "mixed stores images and filters in f16").choices(["f32", "mixed"]).default("f32");
const json = (what: string): Option => new Option("--json", what);

function addRun(program: Command): void {
  program
    .command("run")
    .description("run a study and write its report; a second run goes on where the first stopped")
    .argument("<study>", "the study, a YAML file (docs/studies.md)")
    .option("--out <folder>", "where results go (default: runs/<name of the study>)")
    .option("--trials <n>", "trials of each cell, instead of the study's", count)
    .option("--tasks <names>", "only these tasks, separated by commas", names)
    .option("--inits <names>", "only these initialisations, separated by commas", names)
    .addOption(json("print the cells and comparisons as JSON on standard output"))
    .option("--quiet", "no progress, only the result")
    .option("--replace", "train again what finished there with other settings, data or weights")
    .addOption(adapter())
    .addOption(native())
    .option("--tune", "measure first which kernels are fastest for this study, as far as that is not known")
    .option("--memory <bytes>", "most GPU memory to hold, such as 4GB", bytes)
    .option("--offline", "fetch no weights; use those already kept")
    .addHelpText("after", `
Examples:
  roentgen run studies/demo.yaml
  roentgen run studies/demo.yaml --tasks brain --trials 1 --out look
  roentgen run studies/demo.yaml --inits random --offline --json > result.json

Ctrl-C once ends the step under way and saves; the same command goes on from there. Twice leaves at once.`)
    .action(async (study, options) => (await import("./commands/run.ts")).run(study, options));
}

function addPredict(program: Command): void {
  program
    .command("predict")
    .description("apply a model that a study kept to images of yours")
    .argument("<model>", "a file of the folder models of a study's results, or one saved in the page")
    .argument("<image...>", "PNGs, and folders of them (docs/predict.md)")
    .option("--out <folder>", "where masks go, under the images' names; for models that draw masks")
    .option("--csv <file>", "write a table of probabilities, or of marked shares; - for standard output")
    .option("--json <file>", "write everything as JSON; - for standard output")
    .option("--batch <n>", "images at a time (default: as when the model was tested)", count)
    .option("--replace", "overwrite results that are there already")
    .addOption(adapter())
    .addOption(native())
    .addHelpText("after", `
Examples:
  roentgen predict runs/demo/models/plane-imagenet-0.safetensors scans
  roentgen predict runs/demo/models/plane-imagenet-0.safetensors a.png b.png --csv - > planes.csv
  roentgen predict runs/demo/models/brain-imagenet-0.safetensors scans --out masks --json masks.json

Of a folder every *.png below it is taken, in order of their names. An image that cannot be read is named and left out, and the
exit status is 1 then. Masks are grey PNGs of 0 and 255 in the size of their image.`)
    .action(async (model, images, options) => (await import("./commands/predict.ts")).predict(model, images, options));
}

function addDoctor(program: Command): void {
  program
    .command("doctor")
    .description("show the GPU, its driver and what is missing")
    .addOption(json("print everything found as JSON"))
    .addOption(adapter())
    .addOption(native())
    .addHelpText("after", `
Examples:
  roentgen doctor
  roentgen doctor --json

Exit status 1 if there is no adapter, or one that fails.`)
    .action(async (options) => (await import("./commands/doctor.ts")).doctor(options));
}

function addSummary(program: Command): void {
  program
    .command("summary")
    .description("list a model's layers, shapes, parameters and multiply-adds; needs no GPU")
    .argument("<model>", "resnet18 to resnet152, unet-resnet18 to unet-resnet152")
    .option("--input <pixels>", "height and width of the input", count, 224)
    .option("--batch <n>", "images at a time", count, 1)
    .addOption(json("print the table as JSON"))
    .addHelpText("after", `
Examples:
  roentgen summary resnet50 --input 224
  roentgen summary unet-resnet18 --input 64 --batch 8 --json`)
    .action(async (model, options) => (await import("./commands/summary.ts")).summary(model, options));
}

function addProfile(program: Command): void {
  program
    .command("profile")
    .description("time every dispatch of a model's forward pass or training step, and judge it against what the device can do")
    .argument("<model>", "resnet18 to resnet152, unet-resnet18 to unet-resnet152")
    .option("--train", "a training step with Adam instead of the forward pass")
    .option("--batch <n>", "images at a time", count, 4)
    .option("--size <pixels>", "height and width of the input", count, 64)
    .addOption(precision())
    .option("--repeats <n>", "runs to take the median of", count, 5)
    .option("--top <n>", "dispatches and layers to list", count, 20)
    .addOption(json("print the whole profile as JSON; --compare reads it"))
    .option("--html <file>", "also write a page: roofline, flame graph, memory, tables")
    .option("--trace <file>", "also write a Chrome trace, for Perfetto or chrome://tracing")
    .option("--compare <file>", "show what changed since an earlier --json")
    .option("--fail-if-slower <percent>", "exit 1 if the dispatches, a plain run or a layer of weight got slower by more than this and than noise", share)
    .addOption(adapter())
    .addOption(native())
    .addHelpText("after", `
Examples:
  roentgen profile resnet50 --train --batch 32 --size 224 --html profile.html
  roentgen profile unet-resnet50 --size 128 --trace trace.json
  roentgen profile resnet50 --train --precision mixed
  roentgen profile resnet18 --train --json > before.json
  roentgen profile resnet18 --train --compare before.json --fail-if-slower 10%

Each dispatch's roof is the slowest of three: its operations at the device's measured arithmetic, its bytes at the best measured
copy of as many or more, an empty dispatch; the nearest roof is that one, however far.
Timed runs are runs of their own; a plain run is timed beside them.`)
    .action(async (model, options) => (await import("./commands/profile.ts")).profileModel(model, options));
}

function addTune(program: Command): void {
  program
    .command("tune")
    .description("measure which kernels are fastest for a model on this device, and keep that for profile and new studies")
    .argument("<model>", "resnet18 to resnet152, unet-resnet18 to unet-resnet152")
    .option("--train", "a training step instead of the forward pass")
    .option("--batch <n>", "images at a time", count, 4)
    .option("--size <pixels>", "height and width of the input", count, 64)
    .addOption(precision())
    .option("--seconds <n>", "sampling of each family for each shape", seconds, 0.1)
    .option("--again", "measure what is known already, too")
    .addOption(json("print all that was measured as JSON"))
    .addOption(adapter())
    .addOption(native())
    .addHelpText("after", `
Examples:
  roentgen tune resnet50 --train --batch 32 --size 224
  roentgen tune unet-resnet50 --train --batch 8 --size 256 --json > tuning.json

Each family is checked against the plain kernels before it may win. What was found holds for this adapter, driver, set of
toggles and version of the shaders; a study that has begun keeps the kernels it began with.`)
    .action(async (model, options) => (await import("./commands/tune.ts")).tuneModel(model, options));
}

function addBench(program: Command): void {
  program
    .command("bench")
    .description("time kernels, training steps, memory and start-up beside other engines; in a checkout of the repository")
    .argument("[what...]", "kernels, models, memory, startup, or single benchmarks such as conv2d (default: all)")
    .option("--peers <names>", "tfjs, jax-js, ort, torch, torch-cuda, separated by commas; all; none", names, ["torch"])
    .option("--seconds <n>", "sampling of an engine for one case, all rounds together", seconds, 1)
    .option("--rounds <n>", "rounds of ours and each peer in turn", count, 3)
    .option("--json <file>", "also write every figure to a file; - for standard output")
    .option("--save", "also keep them in bench/results")
    .addOption(native())
    .option("--page [file]", "run nothing; draw a page of all in bench/results (default: bench/results/index.html)")
    .addHelpText("after", `
Examples:
  roentgen bench kernels
  roentgen bench --peers all --rounds 2 --save
  roentgen bench conv2d train-step --peers torch,jax-js --json - > result.json
  roentgen bench --page

The npm packages among the peers are installed into bench/peers when they are first asked for; PyTorch is looked for in
ROENTGEN_PYTHON, else python3. A peer that is missing is named in the results, and the others run.
Exit status 1 if a target does not hold, or a peer computes something else than ours.`)
    .action(async (what, options) => (await import("./commands/bench.ts")).bench(what, options));
}

function addConvert(program: Command): void {
  program
    .command("convert")
    .description("convert a weight file of any kind to safetensors with torchvision's names")
    .argument("<file>", "PyTorch, TensorFlow, pickle, NumPy, safetensors or tfjs, packed or not; or a checkpoint's folder")
    .option("--out <file>", "the result; without it nothing is written")
    .option("--method <name>", "how the file was made, where auto is wrong; a wrong name lists all", "auto")
    .option("--prefix <text>", "take the network under this prefix, such as module.encoder_k.")
    .option("--member <path>", "of an archive of several files: the one that is meant, by its path or the end of it")
    .addOption(new Option("--padding <kind>", "as the method trained, or symmetric as the study fine-tuned").choices(["native", "study"]).default("native"))
    .option("--drop-unknown", "leave out tensors that no rule knows, instead of refusing the file")
    .addOption(json("print the report as JSON"))
    .addHelpText("after", `
Examples:
  roentgen convert swav_800ep_pretrain.pth.tar --out swav.safetensors
  roentgen convert ResNet50_1x.zip --padding study --out simclr-v1.safetensors
  roentgen convert cvpr21_newt_pretrained_models.tar.gz --member inat2021_supervised_mini.pth.tar --out inat2021-mini.safetensors
  roentgen convert model.safetensors --method timm --json
  roentgen convert unknown.pth

The file is never executed: pickles are read by an interpreter that knows tensors and nothing else.`)
    .action(async (file, options) => (await import("./commands/convert.ts")).convert(file, options));
}

function addInspect(program: Command): void {
  program
    .command("inspect")
    .description("list what a weight file of any kind holds, without reading a tensor")
    .argument("<file>", "as for convert")
    .option("--member <path>", "as for convert")
    .addOption(json("print the list as JSON"))
    .addHelpText("after", `
Examples:
  roentgen inspect moco_v2_800ep_pretrain.pth.tar
  roentgen inspect ResNet50_1x.zip --json`)
    .action(async (file, options) => (await import("./commands/inspect.ts")).inspect(file, options));
}

function addModels(program: Command): void {
  program
    .command("models")
    .description("list the study's models: where they were released, licence, accuracy, what is on this machine")
    .addOption(json("print the list as JSON"))
    .action(async (options) => (await import("./commands/models.ts")).models(options));
}

function addFetch(program: Command): void {
  program
    .command("fetch")
    .description("download a model's released file, going on where an earlier try stopped")
    .argument("<model>", "a name that `roentgen models` lists, or imagenet")
    .option("--out <folder>", "where to put it (default: where the other commands look for it)")
    .addOption(json("print what was done as JSON"))
    .addHelpText("after", `
Examples:
  roentgen fetch swav
  roentgen fetch imagenet --json

Some files only a browser can get, and some machines have no network: the address and the folder are told then.
Exit status 1 if the file is not there in the end.`)
    .action(async (model, options) => (await import("./commands/fetch.ts")).fetchModel(model, options));
}

/** A positive integer. */
function count(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError("Expected a positive integer.");
  return value;
}

/** Percent as a share: 10% and 10 are 0.1. */
export function share(text: string): number {
  const [, number] = /^(\d+(?:\.\d+)?)\s*%?$/.exec(text.trim()) ?? [];
  if (number === undefined) throw new InvalidArgumentError("Expected a percentage, such as 10%.");
  return Number(number) / 100;
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < Infinity)) throw new InvalidArgumentError("Expected seconds, such as 0.5.");
  return value;
}

function names(text: string): string[] {
  const list = text.split(",").map((name) => name.trim()).filter((name) => name !== "");
  if (list.length === 0) throw new InvalidArgumentError("Expected names separated by commas.");
  return list;
}

/** Bytes, with or without a unit: 500000000, 500MB, 1.5GiB. */
export function bytes(text: string): number {
  const value = parseBytes(text);
  if (value === null) throw new InvalidArgumentError("Expected bytes, such as 500MB or 4GiB.");
  return value;
}
