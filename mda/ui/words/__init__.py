"""What the pages say: names, numbers and sentences, made from data and safe to show."""
