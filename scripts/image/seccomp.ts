import { existsSync, readFileSync } from "node:fs";

const profile = "/usr/share/containers/seccomp.json";

interface Rule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly unknown[] | null;
  readonly includes?: { readonly caps?: readonly string[]; readonly arches?: readonly string[] };
  readonly excludes?: { readonly caps?: readonly string[] };
}

/**
 * The default profile of container engines (a pod's `RuntimeDefault`) as runc wants it, for a
 * process without capabilities; undefined where the machine has none.
 */
export function runtimeDefault(): object | undefined {
  if (!existsSync(profile)) return undefined;
  const { defaultAction, defaultErrnoRet, syscalls } = JSON.parse(readFileSync(profile, "utf8"));
  const arch = process.arch === "x64" ? "amd64" : process.arch;
  const holds = ({ includes }: Rule) =>
    includes?.caps === undefined && (includes?.arches?.includes(arch) ?? true);
  return {
    defaultAction,
    defaultErrnoRet,
    architectures: [process.arch === "x64" ? "SCMP_ARCH_X86_64" : "SCMP_ARCH_AARCH64"],
    syscalls: syscalls.filter(holds).map(({ names, action, errnoRet, args }: Rule) => ({
      names,
      action,
      ...(errnoRet === undefined ? {} : { errnoRet }),
      ...(args === undefined || args === null ? {} : { args }),
    })),
  };
}
