"""What users run, a file each: arguments in, results and one kind of message out."""
