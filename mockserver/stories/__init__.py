"""Stories: operations sent one after the other, in process, through the edges that every request passes."""
