// How different libraries name the parts of the same ResNet.

export interface Style {
  readonly name: "torchvision" | "sequential" | "huggingface";
  /** A tensor that every network of this style has once, by the end of its name. */
  readonly anchor: string;
  /** A name without its prefix as torchvision's; undefined if it is none of a backbone's or its head's. */
  readonly toTorchvision: (name: string) => string | undefined;
}

const same: Style = { name: "torchvision", anchor: "layer4.0.conv1.weight", toTorchvision: (name) => name };

/** `nn.Sequential(*resnet.children())`: conv1, bn1, relu, maxpool, layer1 to 4 are 0 to 7. Lightly and RadImageNet. */
const sequential: Style = {
  name: "sequential",
  anchor: "7.0.conv1.weight",
  toTorchvision: (name) => {
    const [, index, rest] = /^(\d+)\.(.+)$/.exec(name) ?? [];
    const part = index === undefined ? undefined : ["conv1", "bn1", "", "", "layer1", "layer2", "layer3", "layer4"][Number(index)];
    return part ? `${part}.${rest}` : undefined;
  },
};

/** transformers' ResNetModel. A basic block has layers 0 and 1, a bottleneck 0 to 2. */
const huggingFace: Style = {
  name: "huggingface",
  anchor: "encoder.stages.3.layers.0.layer.0.convolution.weight",
  toTorchvision: (name) => {
    const [, stem, stemField] = /^embedder\.embedder\.(convolution|normalization)\.(\w+)$/.exec(name) ?? [];
    if (stem !== undefined) return `${stem === "convolution" ? "conv1" : "bn1"}.${stemField}`;
    const [, stage, block, part, layer, what, field] = /^encoder\.stages\.(\d)\.layers\.(\d+)\.(shortcut|layer\.(\d))\.(convolution|normalization)\.(\w+)$/.exec(name) ?? [];
    if (stage === undefined) return undefined;
    const at = `layer${Number(stage) + 1}.${block}`;
    if (part === "shortcut") return `${at}.downsample.${what === "convolution" ? 0 : 1}.${field}`;
    return `${at}.${what === "convolution" ? "conv" : "bn"}${Number(layer) + 1}.${field}`;
  },
};

export const styles: readonly Style[] = [same, sequential, huggingFace];
