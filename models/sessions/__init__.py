"""The session manager: the only room that makes ONNX Runtime sessions, and that says when and where they run."""

from models.sessions.cards import Card, find_devices
from models.sessions.device import Cuda, DeviceSpec
from models.sessions.manager import Lease, SessionAdapter, SessionManager, cores
from models.sessions.ports import CPU, Counts, DeviceCounts, Port, Priority
from models.sessions.tensors import Array, DeviceArray
from models.sessions.trouble import DeviceLost, OutOfMemory

__all__ = ["CPU", "Array", "Card", "Counts", "Cuda", "DeviceArray", "DeviceCounts", "DeviceLost", "DeviceSpec", "Lease",
           "OutOfMemory", "Port", "Priority", "SessionAdapter", "SessionManager", "cores", "find_devices"]
