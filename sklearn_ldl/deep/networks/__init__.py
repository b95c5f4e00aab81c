"""Networks and parts of networks: plain torch modules."""
