UPDATE version SET number = number + 1
