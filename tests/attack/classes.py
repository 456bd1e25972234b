"""Which tests try which class of hole; each is a file, or a part of one, as pytest names it."""

ACCOUNTS, FILES = "tests/chatjuicer/accounts", "tests/files_app"

CLASSES: dict[str, list[str]] = {
    "object access": [f"{ACCOUNTS}/test_matrix.py", "tests/chatjuicer/frontends/test_doors.py"],
    "scopes and roles": [f"{ACCOUNTS}/test_scopes.py", f"{ACCOUNTS}/test_keys.py"],
    "tokens": [
        f"{ACCOUNTS}/test_refresh.py",
        f"{ACCOUNTS}/test_refresh_cookie.py",
        f"{ACCOUNTS}/test_sign_in.py",
        f"{ACCOUNTS}/test_devices.py",
    ],
    "passwords and resets": [f"{ACCOUNTS}/test_password.py", f"{ACCOUNTS}/test_reset.py"],
    "second factor": [f"{ACCOUNTS}/test_totp.py"],
    "session fixation, redirects": [f"{ACCOUNTS}/test_oidc.py"],
    "loopback": [f"{ACCOUNTS}/test_localhost.py", f"{ACCOUNTS}/test_another_user.py"],
    "sockets": [f"{ACCOUNTS}/test_socket_door.py", "tests/chatjuicer/test_socket_protocol.py"],
    "guessing": ["tests/chatjuicer/api/test_limits.py"],
    "uploads, archives": [f"{FILES}/test_files.py", f"{FILES}/test_extract.py"],
    "names, directory swaps": [f"{FILES}/test_names.py", f"{FILES}/test_jail.py"],
    "SSRF": ["tests/chat_app/agent/test_fetch.py"],
    "prompt injection": ["tests/acceptance/test_exfiltration.py", "tests/chat_app/agent/test_approvals.py"],
    "admin": ["tests/chatjuicer/test_admin.py", "tests/sessions_app/test_admin.py"],
    "audit log": [f"{ACCOUNTS}/test_audit.py"],
    "headers": ["tests/chatjuicer/test_headers.py", "tests/chatjuicer/test_schema.py"],
    "bad input, mass assignment": ["tests/sessions_app/test_bad_input.py", "tests/chatjuicer/test_errors.py"],
    "resource exhaustion": [
        "tests/chatjuicer/test_slow_bodies.py",
        "tests/chatjuicer/test_server.py",
        "tests/sessions_app/test_page_bytes.py",
    ],
    "readers of documents": [f"{FILES}/test_sandbox.py"],
    "supply chain, deployment": ["tests/chatjuicer/operations/test_compose.py"],
    "the page in a browser": ["tests/page/test_policy.py"],
    "secrets in logs": ["tests/chatjuicer/test_logs.py"],
    "text at rest": ["tests/chatjuicer/test_encryption.py"],
    "unsafe settings": ["tests/chatjuicer/test_settings.py"],
}
