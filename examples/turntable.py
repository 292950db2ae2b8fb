"""
A turning model
===============

A turning model as GIF: ``python turntable.py [MODEL [VIDEO]]``; .mp4 with the extra video.
"""

import sys

import aet_port as aet
from aet_port.figures.turntable import turn_atoms
from aet_port.figures.video_files import write_video
from aet_port.simulation import amorphous_particle

model = aet.read_model(sys.argv[1]) if len(sys.argv) > 1 else amorphous_particle(60, "Ta")
name = sys.argv[2] if len(sys.argv) > 2 else "turntable.gif"
print(write_video(name, turn_atoms(model, frames=24, pixels=160)))
