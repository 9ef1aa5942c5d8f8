import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Buildah } from "./buildah.ts";
import { run } from "./command.ts";

/**
 * Images under the names that the Dockerfile uses, for machines that reach no image registry. They
 * hold the node that runs this script, and Debian's packages from the mirror that apt uses.
 */

const debianSuite = "trixie";

/** Debian packages of distroless's `cc` and what lies below it. */
const distrolessPackages = [
  "base-files",
  "ca-certificates",
  "libc6",
  "libgcc-s1",
  "libgomp1",
  "libssl3t64",
  "libstdc++6",
  "libzstd1",
  "media-types",
  "netbase",
  "tzdata",
  "zlib1g",
];

/** Debian's minimal root, which both stand-ins are made from. */
export function debianRoot(folder: string): string {
  // Making it takes half a minute: who runs the test often may keep one.
  const kept = process.env["THAW_IMAGE_DEBIAN"];
  if (kept !== undefined && existsSync(join(kept, "etc/debian_version"))) return kept;
  const root = kept ?? join(folder, "debian");
  const include = `--include=${distrolessPackages.join(",")}`;
  run("debootstrap", ["--variant=minbase", include, debianSuite, root, aptMirror()]);
  return root;
}

/** The first Debian mirror in apt's sources, in either of their formats. */
function aptMirror(): string {
  const folder = "/etc/apt/sources.list.d";
  const files = existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
  for (const file of ["/etc/apt/sources.list", ...files]) {
    const text = existsSync(file) ? readFileSync(file, "utf8") : "";
    const found = /^(?:URIs:|deb(?: \[[^\]]*\])?)\s+(https?:\S+\/debian)\/?(?:\s|$)/m.exec(text);
    if (found?.[1] !== undefined) return found[1];
  }
  throw new Error("apt's sources name no Debian mirror");
}

/** In place of Docker's `node` image: Debian, node and npm. */
export function makeNode(buildah: Buildah, image: string, debian: string): void {
  const env = ["--env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"];
  buildah.make(image, env, (root) => {
    run("cp", ["-a", `${debian}/.`, root]);
    cpSync(process.execPath, join(root, "usr/local/bin/node"));
    const npm = dirname(dirname(realpathSync(run("sh", ["-c", "command -v npm"]).trim())));
    cpSync(npm, join(root, "usr/local/lib/node_modules/npm"), { recursive: true });
    symlinkSync("../lib/node_modules/npm/bin/npm-cli.js", join(root, "usr/local/bin/npm"));
  });
}

/** In place of distroless's `nodejs:nonroot`: no shell, no package manager. */
export function makeDistroless(buildah: Buildah, image: string, debian: string): void {
  const settings = [
    ["--user", "65532"],
    ["--workingdir", "/home/nonroot"],
    ["--env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    ["--env", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"],
    ["--entrypoint", '["/nodejs/bin/node"]'],
  ].flat();
  buildah.make(image, settings, (root) => {
    for (const link of ["bin", "lib", "lib64", "sbin"]) {
      mkdirSync(join(root, "usr", link), { recursive: true });
      symlinkSync(`usr/${link}`, join(root, link));
    }
    for (const name of distrolessPackages) copyPackage(debian, name, root);
    cpSync(
      join(debian, "etc/ssl/certs/ca-certificates.crt"),
      join(root, "etc/ssl/certs/ca-certificates.crt"),
    );
    mkdirSync(join(root, "nodejs/bin"), { recursive: true });
    cpSync(process.execPath, join(root, "nodejs/bin/node"));
    for (const folder of ["dev", "proc", "sys", "tmp", "root", "home", "mnt"]) {
      mkdirSync(join(root, folder), { recursive: true });
    }
    // As in distroless, only its owner may enter: what runs under another uid must not start here.
    mkdirSync(join(root, "home/nonroot"), { mode: 0o700 });
    run("chown", ["65532:65532", join(root, "home/nonroot")]);
    const accounts = [
      "root:x:0:0:root:/root:/sbin/nologin",
      "nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin",
      "nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin",
    ];
    writeFileSync(join(root, "etc/passwd"), `${accounts.join("\n")}\n`);
    writeFileSync(join(root, "etc/group"), "root:x:0:\nnobody:x:65534:\nnonroot:x:65532:\n");
  });
}

/** A package's files as dpkg lists them, without its documentation and programs. */
function copyPackage(debian: string, name: string, root: string): void {
  const lists = join(debian, "var/lib/dpkg/info");
  const list = readdirSync(lists).find(
    (file) => file === `${name}.list` || (file.startsWith(`${name}:`) && file.endsWith(".list")),
  );
  if (list === undefined) throw new Error(`Debian's root is without ${name}`);
  for (const path of readFileSync(join(lists, list), "utf8").trim().split("\n")) {
    const left = /^\/usr\/(share\/(doc|man|locale|lintian|bug)|s?bin)(\/|$)|^\/\.$/.test(path);
    const from = join(debian, path);
    const found = lstatSync(from, { throwIfNoEntry: false });
    if (left || found === undefined || found.isDirectory()) continue;
    // Packages still name some files by their old places, which are links into /usr.
    const to = join(root, path);
    mkdirSync(dirname(to), { recursive: true });
    rmSync(to, { force: true });
    // Links stay as they are: followed here, an absolute one would lead out of Debian's root.
    if (found.isSymbolicLink()) symlinkSync(readlinkSync(from), to);
    else cpSync(from, to, { preserveTimestamps: true });
  }
}
