"""Quality of search: how well what is found answers real questions, beside others."""
