// Hands the sign-in to the web client, which looks for it there (chat/auth.js).
const token = document.querySelector('meta[name="refresh-token"]').content;
localStorage.setItem("chat-juicer.refresh", token);
location.replace("/");
