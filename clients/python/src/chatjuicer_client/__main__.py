import sys

from chatjuicer_client.cli.main import main

sys.exit(main())
