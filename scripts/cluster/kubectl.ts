import { spawn } from "node:child_process";

/** kubectl on the path, with the current context. Rejects with what it said. */
export async function kubectl(words: readonly string[], input?: string): Promise<string> {
  const child = spawn("kubectl", words, { stdio: ["pipe", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (piece) => {
    stdout += piece;
  });
  child.stderr.on("data", (piece) => {
    stderr += piece;
  });
  child.stdin.on("error", () => {});
  child.stdin.end(input ?? "");
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", () => reject(new Error("kubectl is not on the path")));
    child.once("close", resolve);
  });
  if (code === 0) return stdout;
  throw new Error(
    `kubectl ${words.slice(0, 3).join(" ")}: ${stderr.trim() || `ended with ${code}`}`,
  );
}
