"""Training on a rented machine: what is sent, what runs there, and how what comes back is checked."""

from jaxexit.cloud.adopt import adopt
from jaxexit.cloud.job import Job, make_job
from jaxexit.cloud.machines import Directory, Machine, SkyPilot, task_text

__all__ = ["Directory", "Job", "Machine", "SkyPilot", "adopt", "make_job", "task_text"]
