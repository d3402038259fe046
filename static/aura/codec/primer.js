/**
 * Primes models in a worker, so that the page goes on meanwhile. As a module of the page it gives `prime`; as the worker it
 * answers `{dictionary}` with `{bytes, digest}`, the memory of the primed model, or with `{error}`.
 */

import { loadModule, Model } from "./model.js";

/** Return the model primed with `dictionary`, a Uint8Array. Rejects when the dictionary or the engine will not do. */
export async function prime(dictionary) {
  if (typeof Worker === "undefined") return Model.create(dictionary);
  const module = loadModule();
  const worker = new Worker(import.meta.url, { type: "module" });
  try {
    const { bytes, digest } = await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => (data.error === undefined ? resolve(data) : reject(new Error(data.error)));
      worker.onerror = (event) => reject(new Error(`the worker failed: ${event.message ?? ""}`));
      worker.postMessage({ dictionary });
    });
    return await Model.restore(bytes, digest, module);
  } finally {
    worker.terminate();
  }
}

if (typeof WorkerGlobalScope !== "undefined" && globalThis instanceof WorkerGlobalScope) {
  globalThis.onmessage = async ({ data }) => {
    try {
      const model = await Model.create(data.dictionary);
      const bytes = model.snapshot();
      globalThis.postMessage({ bytes, digest: model.digest }, [bytes]);
    } catch (error) {
      globalThis.postMessage({ error: String(error) });
    }
  };
}
