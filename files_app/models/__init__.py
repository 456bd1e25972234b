from .export import Export
from .file import File
from .passage import Passage
from .stored import StoredBytes, bytes_of
from .upload import Upload
from .usage import StorageUsage

__all__ = ["Export", "File", "Passage", "StorageUsage", "StoredBytes", "Upload", "bytes_of"]
