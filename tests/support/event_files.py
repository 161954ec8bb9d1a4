"""What TensorBoard would read in a folder: events in records, each with its length and two checksums."""

from __future__ import annotations

import struct
from pathlib import Path

from tensorboardX.crc32c import crc32c
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.graph_pb2 import GraphDef


def masked(content: bytes) -> int:
    """The checksum of a record: CRC-32C, turned and moved (TensorFlow, record_writer.cc)."""
    crc = crc32c(content)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def events(folder: Path) -> list[Event]:
    (path,) = folder.glob("events.out.tfevents.*")
    content, found = path.read_bytes(), []
    while content:
        length, check = struct.unpack("<QI", content[:12])
        data, (end,) = content[12 : 12 + length], struct.unpack("<I", content[12 + length : 16 + length])
        assert (check, end) == (masked(content[:8]), masked(data))
        found.append(Event.FromString(data))
        content = content[16 + length :]
    return found


def scalars_in(folder: Path) -> list[tuple[str, float, int]]:
    return [(v.tag, v.simple_value, e.step) for e in events(folder) for v in e.summary.value if v.WhichOneof("value") == "simple_value"]


def histograms_in(folder: Path) -> list[tuple[str, int, object]]:
    return [(v.tag, e.step, v.histo) for e in events(folder) for v in e.summary.value if v.WhichOneof("value") == "histo"]


def graph_in(folder: Path) -> GraphDef:
    (graph,) = (GraphDef.FromString(e.graph_def) for e in events(folder) if e.graph_def)
    return graph
