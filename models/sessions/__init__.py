"""The session manager: the only room that makes ONNX Runtime sessions, and that says when and where they run."""

from models.sessions.device import DeviceSpec
from models.sessions.manager import Lease, SessionAdapter, SessionManager, cores
from models.sessions.ports import CPU, Counts, DeviceCounts, Port, Priority
from models.sessions.trouble import DeviceLost, OutOfMemory

__all__ = ["CPU", "Counts", "DeviceCounts", "DeviceLost", "DeviceSpec", "Lease", "OutOfMemory", "Port", "Priority",
           "SessionAdapter", "SessionManager", "cores"]
