import { ConfigError } from "@roentgen/core";
import { ResNet, type ResNetDepth, resnetDepths } from "./resnet.ts";
import { UNet } from "./unet.ts";

/** A model by its name, as the command line and profiles know it: `resnet50`, `unet-resnet18`. Throws ConfigError with all names. */
export function modelNamed(name: string): ResNet | UNet {
  const [, unet, digits] = /^(unet-)?resnet(\d+)$/.exec(name) ?? [];
  const depth = resnetDepths.find((d): d is ResNetDepth => String(d) === digits);
  if (depth === undefined) {
    const list = resnetDepths.map((d) => `resnet${d}`).join(", ");
    throw new ConfigError(`no model is called "${name}". There are ${list}, and each with unet- before it.`);
  }
  return unet ? new UNet({ encoder: { depth } }) : new ResNet({ depth });
}
