/** Every maximum in one place. Tests go through each at n and n + 1. */

export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;
export const TiB = 1024 * GiB;

/** Request sizes. `requestBytesMax` is the default of `--max-request-size`. */
export const requestBytesMax = 64 * MiB;
export const bodyChunksMax = 65_536;
/** A compressed body may become so many times as large, or as large as this whatever its size. */
export const unpackedRatioMax = 100;
export const unpackedBytesMin = MiB;
/** Shorter answers are not worth their compression. */
export const packedBytesMin = KiB;
export const jsonDepthMax = 100;
export const inputsMax = 1_000;
/** Of the names that rows as objects have. */
export const columnsMax = 10_000;
export const outputsMax = 1_000;
export const parametersMax = 256;
/** Of a CloudEvent's JSON beside its data. */
export const eventBytesMax = 64 * KiB;
export const idBytesMax = 4 * KiB;
export const rankMax = 32;
export const elementsMax = 2 ** 28;
export const stringBytesMax = 16 * MiB;
/** Of all BYTES inputs of a request: each string is copied to a worker on its own. */
export const stringElementsMax = 2 ** 20;
export const tensorNameBytesMax = 4 * KiB;
export const modelNameBytesMax = 256;
export const responseBytesMax = 256 * MiB;
/** JSON beyond a slice is read and written in slices, so that others have their turns between. */
export const jsonSliceBytes = 64 * KiB;
export const jsonSliceElements = 4 * KiB;
export const slicedBodiesMax = 2;
/** Of a table from columns, where rows may lack values that then take room all the same. */
export const tableElementsMax = 2 ** 25;
/** How many elements become tensors in one turn. */
export const conformElements = 64 * KiB;

/** Admission and queue. */
export const queueEntriesMax = 1_024;
export const queueBytesMax = 256 * MiB;
export const queueWaitMsMax = 10_000;
export const requestMsMax = 300_000;
export const batchRowsMax = 1_024;
export const batchBytesMax = 32 * MiB;
export const batchRunMsMax = 50;
export const deadlineSweepMs = 10;

/** Connections. */
export const headerBytesMax = 16 * KiB;
export const headerCountMax = 100;
export const prefaceMsMax = 5_000;
export const headersMsMax = 5_000;
export const bodyMsBase = 30_000;
export const bodyBytesPerMsMin = (64 * KiB) / 1_000;
export const discardMsMax = 1_000;
export const keepAliveMs = 65_000;
/** Without any progress of a reader of an answer. */
export const stalledReaderMsMax = 30_000;
/** DATA frames of a stream: a base, and one more for each so many bytes. */
/** Requests of one gRPC stream that are worked on at a time; who asks on waits. */
export const streamRequestsMax = 128;
export const framesBase = 65_536;
export const frameBytesMin = 16;
export const connectionCheckMs = 1_000;
export const connectionsMax = 1_024;
export const streamsPerConnectionMax = 1_024;
export const sessionMemoryBytesMax = 64 * MiB;
export const connectionAgeMs = 30 * 60_000;
export const connectionAgeGraceMs = 30_000;

/** Start, load and shutdown. */
export const drainMsMax = 25_000;
export const workerHeapMiBMax = 512;
/** Of the thread that makes graphs of other files, and how long it stays without work. */
export const converterHeapMiBMax = 2_048;
export const converterIdleMs = 1_000;
export const refillAttemptsMax = 5;
export const refillBackoffMs = 500;

/** Model files. ONNX Runtime, as protobuf itself, reads no message of 2 GiB. */
export const protobufBytesMax = 2 ** 31 - 1;
export const graphValuesMax = 1_000_000;
export const graphNamesBytesMax = 32 * MiB;
/** Names of classes that are kept for the metadata, and inputs of a node that is looked into. */
export const classLabelsMax = 10_000;
export const nodeInputsMax = 1_000;
/** Sparse matrices of models, written out. */
export const sparseElementsMax = 50_000_000;
/** Values that nearest neighbours compare with: every run goes through all of them. */
export const neighborElementsMax = 10_000_000;
/** Graphs that were made of other files, kept on disk. */
export const convertedBytesMax = 8 * GiB;
/** Estimators inside estimators. */
export const estimatorNestingMax = 50;
export const lightgbmLeavesMax = 10_000_000;
/** Sums that a booster keeps apart: its classes. */
export const boosterGroupsMax = 10_000;
/** Columns that a step of a model makes. */
export const termsMax = 1_000_000;
/** Of one value while a graph of ours runs; more rows are run in parts. */
export const runElementsMax = 2 ** 22;
/** Trees of ensembles. */
export const treeNodesMax = 50_000_000;
export const treeDepthMax = 10_000;
/** Pickles: what is read of them, and how far they may unpack. */
export const pickleOperationsMax = 50_000_000;
export const pickleStackMax = 5_000_000;
export const pickleNestingMax = 20;
export const pickleIntBytesMax = 1_024;
export const arrayDimsMax = 32;
export const arrayFieldsMax = 64;
export const modelBytesMax = 2 ** 32;
/** Beyond `modelBytesFree`, what is unpacked may be so many times as large as the file. */
export const modelRatioMax = 200;
export const modelBytesFree = 64 * MiB;

/** Models that come on demand. */
export const loadWaitersMax = 10_000;
export const loadAttemptsMax = 5;
export const loadBackoffMsBase = 500;
export const loadBackoffMsMax = 30_000;
/** A named model at the start, and a load that the operator asked for. */
export const loadMsMax = 600_000;
/** How long a load waits for models in use to become idle, where it needs their memory. */
export const roomWaitMsMax = 5_000;
/** Files that change count when they have been the same for so long. */
export const watchSettleMs = 500;
export const watchPollMs = 10_000;
export const pollMsMin = 1_000;
export const pollMsMax = 24 * 3_600_000;
export const repositoryModelsMax = 10_000;
export const configBytesMax = MiB;

/** Larger ONNX files are not baked: 81 MiB are hashed in 50 to 175 ms, and save 30 to 50. */
export const bakedGraphBytesMax = 16 * MiB;

/** What a model is taken to weigh before it was measured: its file and a session, in each slot. */
export const modelBytesFactor = 1.2;
export const sessionBytesMin = 256 * KiB;
/** A measured growth beyond so many times the estimate was not the model's. */
export const growthFactorMax = 8;
export const growthBytesSlack = 2 * MiB;
/** The default budget: a share of the container's limit, less what the server itself needs. */
export const budgetShare = 0.8;
export const budgetReservedBytes = 128 * MiB;
export const budgetShareMin = 0.25;

/** Memory, as shares of the container's limit (`serving/pressure.ts`). */
export const memoryRefuseShare = 0.85;
export const memoryShedShare = 0.9;
export const memoryCloseShare = 0.95;
export const memorySampleMs = 100;

/** Longer runs cannot be ended; the server says that it is not alive. */
export const runMsMax = 60_000;
export const runCheckMs = 1_000;

/** Logs. */
export const logLineBytesMax = 8 * KiB;
export const logRepeatsPerSecondMax = 10;

/** Storage: names, listings and pulls. */
export const pathBytesMax = 1_024;
export const pathSegmentBytesMax = 255;
export const pathDepthMax = 32;
export const sourceFilesMax = 10_000;
export const sourceBytesMax = 8 * GiB;
export const listingBytesMax = 16 * MiB;
export const storageErrorBytesMax = 64 * KiB;
export const pullConnectionsMax = 8;
export const pullPartBytes = 16 * MiB;
export const pullConnectMsMax = 5_000;
export const pullIdleMsMax = 15_000;
/** All of a pull's connections together, for so long: less is as if nothing came. */
export const pullBytesPerMsSlow = (64 * KiB) / 1_000;
export const pullSlowMsMax = 30_000;
export const pullMsBase = 60_000;
export const pullBytesPerMsMin = MiB / 1_000;
export const pullAttemptsMax = 5;
export const pullRetriesShare = 0.2;
export const pullRetriesMin = 10;
export const pullBackoffMsBase = 200;
export const pullBackoffMsMax = 30_000;
export const retryAfterMsMax = 60_000;
export const pullRestartsMax = 2;
export const redirectsMax = 5;
export const metadataMsMax = 1_000;
/** A modelcar links its folder after the start; how long that may take. */
export const appearMsMax = 600_000;
export const progressMs = 250;
export const progressLogMs = 10_000;
/** Of an archive: bytes that come out for one that went in. */
export const archiveRatioMax = 200;
/** A cache's owner that did not say for so long that it is alive has ended. */
export const cacheOwnerMsMax = 10 * 60_000;
export const cacheHeartbeatMs = 60_000;
export const cacheBytesMax = 32 * GiB;
