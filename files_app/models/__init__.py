from .export import Export
from .file import File
from .holder import Holder, held_by, of_active_owner
from .passage import Passage
from .stored import StoredBytes, bytes_of
from .upload import Upload
from .usage import StorageUsage
from .vector import PassageVector, Vector

__all__ = [
    "Export",
    "File",
    "Holder",
    "Passage",
    "PassageVector",
    "StorageUsage",
    "StoredBytes",
    "Upload",
    "Vector",
    "bytes_of",
    "held_by",
    "of_active_owner",
]
