// Tells the web client that the browser has a sign-in: the token is in a cookie, which it cannot see
// (clients/js/src/signins.js).
localStorage.setItem("chat-juicer.signed-in", String(Date.now()));
location.replace("/");
