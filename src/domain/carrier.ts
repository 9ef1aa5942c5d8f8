import type { FixedDatatype } from "./datatype.ts";

/**
 * How a tensor of the signature travels where the engine cannot take it as it is: under another
 * name, or in a datatype that holds each of its values.
 */
export interface Carrier {
  readonly name: string;
  /** `undefined`: the tensor's own. */
  readonly datatype: FixedDatatype | undefined;
}

/** By the names of the signature; those that are not in it travel as they are. */
export interface Carriers {
  readonly inputs: ReadonlyMap<string, Carrier>;
  readonly outputs: ReadonlyMap<string, Carrier>;
}
