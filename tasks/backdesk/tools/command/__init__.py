"""The command tool: programs that an agent may run, without a shell, on files of the job."""
