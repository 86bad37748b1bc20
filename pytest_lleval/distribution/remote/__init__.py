"""What runs on a host before anything is known of it: each module alone, sent by execnet, with the standard library."""
