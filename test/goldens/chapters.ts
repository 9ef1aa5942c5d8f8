import type { Chapter } from "./golden.ts";
import { v2Elements } from "./rows/v2-elements.ts";
import { v2Routes } from "./rows/v2-routes.ts";

/** Every chapter, in the order of the page. */
export const chapters: readonly Chapter[] = [v2Routes, v2Elements];
