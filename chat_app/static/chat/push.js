// Web Push on this browser: whether it is told, while no window looks, of answers and of what waits for a decision. The
// server forgets it with the sign-in, so it is told again after each. Where no push service is reached, as in the
// desktop shell, the page tells by itself as long as it is open (notices.js).

import { local } from "./storage.js";

export const HERE = "here";

/** Of each person who signs in with this browser: "plain", "preview" or HERE where they want it. */
const keyOf = (person) => `chat-juicer.push.${person.id}`;

export function canNotify() {
  return "Notification" in window;
}

/** "" where it is off, "plain" or, with the beginning of the answer, "preview"; HERE where nothing is pushed. */
export function chosenPush(person) {
  return local.get(keyOf(person)) ?? "";
}

/** Asks the person for leave where the browser has not. False where there is none; rejects where the server refuses. */
export async function choosePush(api, person, how) {
  if (!how) {
    local.remove(keyOf(person));
    await api.delete("/api/push/subscriptions");
    await (await subscription())?.unsubscribe();
    return true;
  }
  if ((await Notification.requestPermission()) !== "granted") return false;
  local.set(keyOf(person), (await subscribe(api, how)) ? how : HERE);
  return true;
}

/** After a sign-in; fails in silence, as the next one asks again. */
export async function renewPush(api, person) {
  const chosen = chosenPush(person);
  if (!chosen || !canNotify() || Notification.permission !== "granted") return;
  const isPushed = await subscribe(api, chosen).catch(() => false);
  if (isPushed && chosen === HERE) local.set(keyOf(person), "plain");
}

/** False where no push service is reached. */
async function subscribe(api, how) {
  if (!(await installed())?.pushManager) return false;
  const { public_key: key } = await api.get("/api/push/key");
  const registration = await navigator.serviceWorker.ready;
  const wanted = { userVisibleOnly: true, applicationServerKey: key };
  const subscribed = () => registration.pushManager.subscribe(wanted);
  const again = async (error) => {
    if (error.name !== "InvalidStateError") return null; // else it has one with another key
    await (await subscription())?.unsubscribe();
    return subscribed();
  };
  const made = await subscribed().catch(again);
  if (!made) return false;
  await api.post("/api/push/subscriptions", { ...made.toJSON(), preview: how === "preview" });
  return true;
}

export async function subscription() {
  return (await installed())?.pushManager?.getSubscription();
}

/** The service worker's registration, if there is one. */
function installed() {
  return navigator.serviceWorker?.getRegistration();
}
