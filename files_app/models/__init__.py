from .file import File
from .stored import StoredBytes, bytes_of
from .upload import Upload
from .usage import StorageUsage

__all__ = ["File", "StorageUsage", "StoredBytes", "Upload", "bytes_of"]
