import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { settingsPage } from "../src/config/help.ts";
import { modelsPage } from "../test/formats/page.ts";
import { protocolsPage } from "../test/goldens/page.ts";

/** Writes the pages of `docs/` that are made from tables in the sources and the tests. */

const docs = join(import.meta.dirname, "../docs");
writeFileSync(join(docs, "settings.md"), settingsPage());
writeFileSync(join(docs, "models.md"), modelsPage());
writeFileSync(join(docs, "protocols.md"), protocolsPage());
