"""What a worker does besides running jobs: each part is started when it is ready and stopped with it.

Imports everything below `app`. Begin with `supervisor`.
"""
