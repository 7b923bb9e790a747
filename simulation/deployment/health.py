"""``python -m simulation.deployment.health``: exit code 0 if the service here answers, for a container's health check.

``METAFED_HEALTH`` names its address, ``METAFED_HEALTH_CA`` the certificate of the authority where it speaks TLS.
"""

import os
import ssl
import sys
import urllib.error
import urllib.request


def main() -> int:
    """Ask, and return the exit code."""
    address, authority = os.environ.get("METAFED_HEALTH", ""), os.environ.get("METAFED_HEALTH_CA")
    if not address.startswith(("http://", "https://")):
        print(f"metafed: METAFED_HEALTH={address!r}: an address such as http://127.0.0.1:9094/health", file=sys.stderr)
        return 2
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if authority:
        handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=authority)))
    try:
        urllib.request.build_opener(*handlers).open(address, timeout=8).close()
    except (OSError, urllib.error.URLError) as error:
        print(f"{address}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
