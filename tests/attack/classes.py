"""Which tests try which class of hole; each is a file, or a part of one, as pytest names it."""

ACCOUNTS, FILES = "tests/chatjuicer/accounts", "tests/files_app"

CLASSES: dict[str, list[str]] = {
    "object access": [
        f"{ACCOUNTS}/test_matrix.py",
        f"{ACCOUNTS}/test_every_route.py",
        "tests/chatjuicer/frontends/test_doors.py",
    ],
    "scopes and roles": [f"{ACCOUNTS}/test_scopes.py", f"{ACCOUNTS}/test_keys.py", f"{ACCOUNTS}/test_groups.py"],
    "tokens": [
        f"{ACCOUNTS}/test_refresh.py",
        f"{ACCOUNTS}/test_refresh_cookie.py",
        f"{ACCOUNTS}/test_sign_in.py",
        f"{ACCOUNTS}/test_devices.py",
    ],
    "passwords and resets": [f"{ACCOUNTS}/test_password.py", f"{ACCOUNTS}/test_reset.py"],
    "second factor": [f"{ACCOUNTS}/test_totp.py"],
    "identity providers": [f"{ACCOUNTS}/test_oidc.py"],
    "redirects": [
        "tests/chatjuicer/test_redirects.py::test_signing_in_leads_nowhere_else",
        "tests/chatjuicer/test_redirects.py::test_no_path_and_no_parameter_leads_elsewhere",
        "tests/chatjuicer/test_redirects.py::test_no_header_names_another_server",
    ],
    "session fixation, forged forms": [
        "tests/chatjuicer/test_redirects.py::test_a_session_that_was_there_before_the_sign_in_is_not_the_one_after",
        "tests/chatjuicer/test_redirects.py::test_a_form_of_the_admin_needs_its_own_page",
    ],
    "loopback": [
        f"{ACCOUNTS}/test_localhost.py",
        f"{ACCOUNTS}/test_another_user.py",
        f"{ACCOUNTS}/test_one_time_address.py",
    ],
    "sockets": [
        f"{ACCOUNTS}/test_socket_door.py",
        "tests/chatjuicer/test_socket_protocol.py",
        "tests/chat_app/delivery/test_connections.py",
    ],
    "guessing": ["tests/chatjuicer/api/test_limits.py"],
    "uploads": [f"{FILES}/test_files.py", f"{FILES}/test_extract.py"],
    "archives": [f"{FILES}/test_transfer.py"],
    "names, directory swaps": [f"{FILES}/test_names.py", f"{FILES}/test_jail.py"],
    "SSRF": [
        "tests/chat_app/agent/test_fetch.py",
        "tests/chat_app/models/test_notice.py",
        "tests/chat_app/agent/test_repair.py::test_a_provider_is_named_no_address_to_fetch",
    ],
    "prompt injection": [
        "tests/acceptance/test_exfiltration.py",
        "tests/chat_app/agent/test_exfiltration.py",
        "tests/chat_app/agent/test_approvals.py",
    ],
    "programs of others": ["tests/chat_app/agent/test_jail.py", f"{FILES}/test_sandbox.py"],
    "ORM key injection": [f"{ACCOUNTS}/test_ranks.py::test_no_list_is_filtered_by_what_it_does_not_show"],
    "admin": ["tests/chatjuicer/test_admin.py", "tests/sessions_app/test_admin.py", f"{ACCOUNTS}/test_ranks.py"],
    "audit log": [f"{ACCOUNTS}/test_audit.py"],
    "headers": ["tests/chatjuicer/test_headers.py", "tests/chatjuicer/test_schema.py"],
    "bad input": ["tests/sessions_app/test_bad_input.py", "tests/chatjuicer/test_errors.py"],
    "mass assignment": ["tests/chatjuicer/test_mass_assignment.py"],
    "caches": ["tests/chatjuicer/test_caches.py", f"{ACCOUNTS}/test_idempotency.py"],
    "shares": ["tests/sessions_app/test_share.py"],
    "resource exhaustion": [
        "tests/chatjuicer/test_slow_bodies.py",
        "tests/chatjuicer/test_server.py",
        "tests/sessions_app/test_page_bytes.py",
        f"{FILES}/test_fair_pool.py",
        "tests/chat_app/test_fair_share.py",
    ],
    "supply chain, deployment": ["tests/chatjuicer/operations/test_compose.py"],
    "the page in a browser": ["tests/page/test_policy.py"],
    "secrets in logs and traces": ["tests/chatjuicer/test_logs.py", "tests/chatjuicer/operations/test_tracing.py"],
    "text and files at rest": ["tests/chatjuicer/test_encryption.py", f"{FILES}/test_encrypted_files.py"],
    "unsafe settings": ["tests/chatjuicer/test_settings.py"],
}
