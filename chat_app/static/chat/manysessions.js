// One thing done to many sessions: some at a time, each once, and what the server refuses is counted.

const AT_A_TIME = 6;
const BUSY = 429;
const BUSY_WAIT_MS = 1_000;
const BUSY_TRIES = 30;

/** `act(session)` for each. Resolves to {done: sessions, failed: [{session, error}]}; `onProgress(count)`. */
export async function forMany(sessions, act, onProgress = () => {}) {
  const waiting = [...sessions];
  const done = [];
  const failed = [];
  const worker = async () => {
    for (let session = waiting.shift(); session; session = waiting.shift()) {
      try {
        await patiently(() => act(session));
        done.push(session);
      } catch (error) {
        failed.push({ session, error });
      }
      onProgress(done.length + failed.length);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  return { done, failed };
}

async function patiently(run) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await run();
    } catch (error) {
      if (error.status !== BUSY || tries === BUSY_TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, BUSY_WAIT_MS));
    }
  }
}
