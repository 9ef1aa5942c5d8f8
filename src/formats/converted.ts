import type { TabularSignature } from "../domain/model.ts";
import type { Stage } from "./stages/stage.ts";

/** What is made of a model file that is no graph itself, beside the graph. Plain: it is kept. */
export interface Conversion {
  readonly signature: TabularSignature;
  /** V2's `platform`. */
  readonly platform: string;
  /** Elements of the widest value that the graph makes of a row. */
  readonly rowElements: number;
  /** What the worker does before the graph. */
  readonly stages: readonly Stage[];
}

/** A model of a library as a graph of ours. */
export interface Converted extends Conversion {
  readonly graph: Uint8Array;
}
