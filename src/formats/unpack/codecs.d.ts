/** What is used of packages that come without types. */

declare module "seek-bzip" {
  interface Output {
    writeByte(byte: number): void;
    flush(): void;
  }
  const bzip2: {
    /** `multistream`: go on after the end of a stream, where another follows. */
    decode(input: Buffer, output: Output, multistream: boolean): unknown;
  };
  export default bzip2;
}

declare module "lz4js" {
  const lz4: {
    decompressBound(input: Uint8Array): number;
    decompress(input: Uint8Array, bytesMax: number): Uint8Array;
  };
  export default lz4;
}
