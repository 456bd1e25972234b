// Web Push on this browser: whether it is told, while no window looks, of answers and of what waits for a decision. The
// server forgets it with the sign-in, so it is told again after each.

import { local } from "./storage.js";

/** Of each person who signs in with this browser: "plain" or "preview" where they want it. */
const keyOf = (person) => `chat-juicer.push.${person.id}`;

export function canPush() {
  return "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;
}

/** "" where it is off, "plain" or, with the beginning of the answer, "preview". */
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
  await subscribe(api, how);
  local.set(keyOf(person), how);
  return true;
}

/** After a sign-in; fails in silence, as the next one asks again. */
export async function renewPush(api, person) {
  if (!canPush() || !chosenPush(person) || Notification.permission !== "granted") return;
  await subscribe(api, chosenPush(person)).catch(() => {});
}

async function subscribe(api, how) {
  const { public_key: key } = await api.get("/api/push/key");
  const registration = await navigator.serviceWorker.ready;
  const wanted = { userVisibleOnly: true, applicationServerKey: key };
  const made = await registration.pushManager.subscribe(wanted).catch(async (error) => {
    if (error.name !== "InvalidStateError") throw error; // it has one with another key
    await (await subscription())?.unsubscribe();
    return registration.pushManager.subscribe(wanted);
  });
  await api.post("/api/push/subscriptions", { ...made.toJSON(), preview: how === "preview" });
}

async function subscription() {
  return (await navigator.serviceWorker.ready).pushManager.getSubscription();
}
