import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Build, Buildah, ImageConfig } from "./buildah.ts";
import { say } from "./command.ts";
import { pathsBelow } from "./files.ts";

/** Checks of an image as it lies there, without running it. */

/** e_machine of the ELF header. */
const elfAarch64 = 183;

/** A second build of the same files is the same image. */
export function checkAgain(buildah: Buildah, image: string, build: Build): void {
  const again = `${image}-again`;
  buildah.build(again, build);
  const digests = (name: string) => buildah.layers(name).map(({ digest }) => digest);
  const [first, second] = [digests(image), digests(again)];
  if (first.join() !== second.join()) throw new Error("two builds of the same files differ");
  say("built twice", `${first.length} equal layers`);
}

/** The image of the other architecture, whose program files say what they are made for. */
export function checkArm(buildah: Buildah, image: string, build: Build): void {
  const arm = `${image}-arm64`;
  buildah.build(arm, { ...build, architecture: "arm64" });
  const name = `thaw-image-test-arm64-${process.pid}`;
  const files = pathsBelow(join(buildah.mount(arm, name), "app/node_modules/onnxruntime-node/bin"));
  const programs = files.filter((path) => /\.(node|so\.1)$/.test(path));
  const machines = programs.map((path) => readFileSync(path).readUInt16LE(18));
  buildah.unmount(name);
  if (machines.length !== 2 || machines.some((machine) => machine !== elfAarch64))
    throw new Error(`machines of ${programs.join(", ")}: ${machines.join(", ")}`);
  say("linux/arm64", "assembled; both program files are made for it");
}

export function checkLabels({ labels }: ImageConfig, rootfs: string): void {
  for (const key of ["title", "description", "licenses", "version"])
    if (!labels[`org.opencontainers.image.${key}`]) throw new Error(`no label of the ${key}`);
  const { components } = JSON.parse(readFileSync(join(rootfs, "app/sbom.cdx.json"), "utf8"));
  const names = components.map(({ name }: { name: string }) => name);
  if (!names.includes("onnxruntime-node"))
    throw new Error("the SBOM does not name onnxruntime-node");
  say("labels, SBOM", `there; ${names.length} packages in CycloneDX`);
}
