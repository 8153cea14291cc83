"""S3DistCp on one machine: copies, filters, joins and recodes files between S3, HDFS and local folders.

Run as `python -m emr_emulator.s3distcp OPTIONS`; docs/s3-dist-cp.md says how each option relates to Amazon's own.
"""
