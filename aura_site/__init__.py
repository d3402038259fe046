"""The site: settings, URLs, the ASGI and Celery applications, accounts, and the `./aura` launcher.

Importing this package makes the app `compression` and the standard library's package of the same name (Python
3.14 and later) one package with two folders, whichever was imported first: `gzip`, `bz2` and `lzma` import
`compression._common`, `compression.zstd` and the like, and must go on finding them.
"""

from pkgutil import extend_path

import compression

compression.__path__ = extend_path(compression.__path__, compression.__name__)
