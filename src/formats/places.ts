/** Beside a model file: what `thaw bake` has made of it. */
export const bakedFolder = ".thaw";
