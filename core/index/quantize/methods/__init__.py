"""The methods that turn vectors into codes; one file each."""
