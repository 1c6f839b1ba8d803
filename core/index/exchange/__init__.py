"""Item indices in and out of files, LC-Rec's and our own."""
