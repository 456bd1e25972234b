// Browser storage that a privacy setting may refuse: then it lasts as long as the page.

function guarded(open) {
  const memory = new Map();
  const attempt = (use, fallback) => {
    try {
      return use(open());
    } catch {
      return fallback();
    }
  };
  return {
    get: (key) =>
      attempt(
        (store) => store.getItem(key),
        () => memory.get(key) ?? null,
      ),
    set: (key, value) =>
      attempt(
        (store) => store.setItem(key, value),
        () => memory.set(key, value),
      ),
    remove: (key) =>
      attempt(
        (store) => store.removeItem(key),
        () => memory.delete(key),
      ),
    keys: () =>
      attempt(
        (store) => Object.keys(store),
        () => [...memory.keys()],
      ),
  };
}

export const local = guarded(() => window.localStorage);
export const tab = guarded(() => window.sessionStorage);
