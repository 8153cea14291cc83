"""AWS Elastic MapReduce."""
