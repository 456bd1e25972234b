// The service worker: opens the page without the server, and shows what the server pushes. It keeps the page's own
// files and nothing of a person: conversations are in the page's own database (offline.js), which goes with the
// sign-out. The server puts before this PAGE: {version, files: addresses that the page needs to begin}.

const KEPT = `page-${PAGE.version}`;
const PATIENCE_MS = 4_000; // for the page itself, before the kept one opens
const FILES = /^\/static\/chat-[0-9a-f]{12}\//;

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));

async function install() {
  const cache = await caches.open(KEPT);
  await cache.addAll([new Request("/", { cache: "reload" }), ...PAGE.files]);
  await self.skipWaiting();
}

/** Files of other versions go. A page that is open on one of them is told, and asks for what it lacks. */
async function activate() {
  const names = await caches.keys();
  await Promise.all(
    names.filter((name) => name.startsWith("page-") && name !== KEPT).map((name) => caches.delete(name)),
  );
  await self.clients.claim();
  for (const client of await pages()) client.postMessage({ type: "version", version: PAGE.version });
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate" && url.pathname === "/") event.respondWith(opened(request));
  else if (FILES.test(url.pathname)) event.respondWith(file(request));
});

/** From the server, so that nobody is left with an old page; the kept one where it does not answer in time. */
async function opened(request) {
  const kept = await caches.match("/");
  const asked = fetch(request);
  if (!kept) return asked;
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, kept));
  return Promise.race([asked.catch(() => kept), late]);
}

/** A file never changes under its address. What is met on the way is kept, too. */
async function file(request) {
  const kept = await caches.match(request);
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.ok && request.url.includes(PAGE.version)) (await caches.open(KEPT)).put(request, answer.clone());
  return answer;
}

/** `{title, session_id, preview}`: what has happened in a session, while nobody looks at it. */
self.addEventListener("push", (event) => event.waitUntil(pushed(event.data?.json() ?? {})));

async function pushed({ title, session_id: sessionId = "", preview: body = "" }) {
  const looked = (await pages()).some(
    (client) => client.visibilityState === "visible" && client.url.endsWith(`#/${sessionId}`),
  );
  if (looked) return;
  await self.registration.showNotification(title || "Chat Juicer", {
    body,
    tag: sessionId,
    renotify: Boolean(sessionId),
    icon: icon("192.png"),
    data: { sessionId },
  });
  await self.navigator.setAppBadge?.();
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(show(event.notification.data.sessionId));
});

async function show(sessionId) {
  const [open] = await pages();
  if (!open) return self.clients.openWindow(`/#/${sessionId}`);
  open.postMessage({ type: "open", sessionId });
  return open.focus();
}

function pages() {
  return self.clients.matchAll({ type: "window", includeUncontrolled: true });
}

function icon(name) {
  return `${PAGE.files[0].slice(0, PAGE.files[0].indexOf("/", "/static/".length))}/icons/${name}`;
}
