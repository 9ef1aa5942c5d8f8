import { readFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./command.ts";

/** What an image says of how it is to be run. */
export interface ImageConfig {
  readonly user: string;
  readonly env: readonly string[];
  readonly cwd: string;
  readonly argv: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** A layer as it travels: gzip, its size and digest. */
export interface Layer {
  readonly digest: string;
  readonly bytes: number;
}

export type Architecture = "amd64" | "arm64";

const ownArchitecture: Architecture = process.arch === "arm64" ? "arm64" : "amd64";

export interface Build {
  readonly context: string;
  readonly volumes: readonly string[];
  readonly architecture?: Architecture;
}

/** buildah with a store of its own below `folder`, without any daemon. */
export class Buildah {
  readonly #store: readonly string[];
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    const roots = ["--root", join(folder, "store"), "--runroot", join(folder, "store-run")];
    this.#store = [...roots, "--storage-driver", "vfs"];
  }

  call(args: readonly string[], timeoutMs?: number): string {
    const [command = "", ...rest] = args;
    return run("buildah", [...this.#store, command, ...rest], timeoutMs ? { timeoutMs } : {});
  }

  /** Whether the image came from its registry. */
  pull(image: string): boolean {
    try {
      this.call(["pull", image], 300_000);
      return true;
    } catch {
      return false;
    }
  }

  /** An image of one layer, whose files `fill` lays into the folder that it is given. */
  make(image: string, settings: readonly string[], fill: (root: string) => void): void {
    const container = this.call(["from", "scratch"]).trim();
    try {
      fill(this.call(["mount", container]).trim());
      this.call(["config", ...settings, container]);
      this.call(["commit", "--quiet", container, image]);
    } finally {
      this.call(["rm", container]);
    }
  }

  /** Built anew each time; every file carries the same time, so that equal files are one layer. */
  build(image: string, { context, volumes, architecture }: Build): void {
    const mounts = volumes.flatMap((volume) => ["--volume", `${volume}:ro`]);
    const how = ["--isolation", "chroot", "--network", "host", "--pull-never", "--quiet"];
    // Both named: buildah sets TARGETARCH only then, and confuses the two where they differ.
    const own = ["--build-arg", `BUILDPLATFORM=linux/${ownArchitecture}`];
    const platform = ["--platform", `linux/${architecture ?? ownArchitecture}`, ...own];
    const same = ["--timestamp", "0"];
    this.call(["build", ...how, ...platform, ...same, ...mounts, "--tag", image, context]);
  }

  /** The image's files in a folder; `rm` of the name unmounts it. */
  mount(image: string, name: string): string {
    this.call(["from", "--pull-never", "--name", name, image]);
    return this.call(["mount", name]).trim();
  }

  unmount(name: string): void {
    this.call(["rm", name]);
  }

  config(image: string): ImageConfig {
    const told = JSON.parse(this.call(["inspect", "--type", "image", image]));
    const { User, Env, WorkingDir, Entrypoint, Labels } = told.OCIv1.config;
    const [user, env, cwd] = [User ?? "", Env ?? [], WorkingDir ?? "/"];
    return { user, env, cwd, argv: Entrypoint ?? [], labels: Labels ?? {} };
  }

  /** The layers as a registry would hold them, the lowest first. */
  layers(image: string): Layer[] {
    const folder = join(this.#folder, `oci-${image.replaceAll(/\W/g, "-")}`);
    this.call(["push", "--quiet", image, `oci:${folder}:latest`]);
    const read = (digest: string) =>
      JSON.parse(readFileSync(join(folder, "blobs", digest.replace(":", "/")), "utf8"));
    const index = JSON.parse(readFileSync(join(folder, "index.json"), "utf8"));
    const manifest = read(index.manifests[0].digest);
    return manifest.layers.map((layer: { digest: string; size: number; mediaType: string }) => {
      if (!layer.mediaType.endsWith("gzip")) throw new Error(`a layer is ${layer.mediaType}`);
      return { digest: layer.digest, bytes: layer.size };
    });
  }
}
