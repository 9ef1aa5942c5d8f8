import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { settingsPage } from "../src/config/help.ts";

/** Writes the pages of `docs/` that are made from tables in the sources. */

writeFileSync(join(import.meta.dirname, "../docs/settings.md"), settingsPage());
